cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
mkdir /cg/u
echo 20M > /cg/t/memory.low
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 16 0' &
sh -c 'echo $$ > /cg/u/cgroup.procs; exec oomp hold 16 100' &
sleep 2
oomp grow -300 4 220
sleep 0.5
echo "@@@END oom0.jsonl"
cgput /cg/t 1-t
echo "@@@BEGIN oom1.jsonl"
echo "@@@END oom1.jsonl"
cgput /cg/u 2-u
echo "@@@BEGIN oom2.jsonl"
echo "@@@END oom2.jsonl"
snap after
