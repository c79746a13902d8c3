cgmount; echo +memory > /cg/cgroup.subtree_control
cgput() { for f in current events events.local stat max high low min peak swap.current swap.max swap.events pressure oom.group numa_stat; do [ -f $1/memory.$f ] && put $1/memory.$f $2/memory.$f; done; }
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
