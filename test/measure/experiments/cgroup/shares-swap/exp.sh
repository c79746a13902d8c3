mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
cgmount; echo +memory > /cg/cgroup.subtree_control
cgput() { for f in current events events.local stat max high low min peak swap.current swap.max swap.events pressure oom.group numa_stat; do [ -f $1/memory.$f ] && put $1/memory.$f $2/memory.$f; done; }
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
mkdir /cg/u
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 40 0' &
sh -c 'echo $$ > /cg/u/cgroup.procs; exec oomp hold 41 0' &
sleep 2
oomp grow 0 4 180
echo "@@@END oom0.jsonl"
cgput /cg/t 1-t
echo "@@@BEGIN oom1.jsonl"
echo "@@@END oom1.jsonl"
cgput /cg/u 1-u
echo "@@@BEGIN oom2.jsonl"
echo "@@@END oom2.jsonl"
snap after
