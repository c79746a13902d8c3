cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
echo 32M > /cg/t/memory.max
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 20 500' &
sleep 2
echo "@@@END oom0.jsonl"
cgput /cg/t 1-hold20
echo "@@@BEGIN oom1.jsonl"
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp grow 0 2 30'
sleep 0.5
echo "@@@END oom1.jsonl"
cgput /cg/t 2-after-oom
echo "@@@BEGIN oom2.jsonl"
echo "@@@END oom2.jsonl"
snap after
