cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 10 0' &
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp shm 6 0' &
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 4 0 lock' &
sleep 2
echo "@@@END oom0.jsonl"
cgput /cg/t 1-mixed
echo "@@@BEGIN oom1.jsonl"
echo "@@@END oom1.jsonl"
snap after
