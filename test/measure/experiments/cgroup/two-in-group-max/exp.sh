cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
echo 48M > /cg/t/memory.max
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 20 0' &
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 10 600' &
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 5 -1000' &
sleep 2
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp grow -300 2 60'
sleep 0.5
echo "@@@END oom0.jsonl"
cgput /cg/t 1-after
echo "@@@BEGIN oom1.jsonl"
echo "@@@END oom1.jsonl"
snap after
