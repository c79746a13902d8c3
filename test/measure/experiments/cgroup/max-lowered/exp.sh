cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 20 0' &
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 30 -500' &
sleep 2
echo "@@@END oom0.jsonl"
cgput /cg/t 1-unlimited
echo "@@@BEGIN oom1.jsonl"
echo 40M > /cg/t/memory.max
sleep 1
echo "@@@END oom1.jsonl"
cgput /cg/t 2-max-40M
echo "@@@BEGIN oom2.jsonl"
echo 10M > /cg/t/memory.max
sleep 1
echo "@@@END oom2.jsonl"
cgput /cg/t 3-max-10M
echo "@@@BEGIN oom3.jsonl"
echo "@@@END oom3.jsonl"
snap after
