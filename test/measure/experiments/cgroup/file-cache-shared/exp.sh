mods
ext4mods; mount -t ext4 -o ro,noload /dev/vda /mnt
cgmount; echo +memory > /cg/cgroup.subtree_control
cgput() { for f in current events events.local stat max high low min peak swap.current swap.max swap.events pressure oom.group numa_stat; do [ -f $1/memory.$f ] && put $1/memory.$f $2/memory.$f; done; }
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
mkdir /cg/u
sh -c 'echo $$ > /cg/t/cgroup.procs; exec cat /mnt/f32' > /dev/null
echo "@@@END oom0.jsonl"
cgput /cg/t 1-t
echo "@@@BEGIN oom1.jsonl"
sh -c 'echo $$ > /cg/u/cgroup.procs; exec cat /mnt/f32' > /dev/null
echo "@@@END oom1.jsonl"
cgput /cg/t 2-t
echo "@@@BEGIN oom2.jsonl"
echo "@@@END oom2.jsonl"
cgput /cg/u 2-u
echo "@@@BEGIN oom3.jsonl"
echo 10M > /cg/t/memory.max
echo "@@@END oom3.jsonl"
cgput /cg/t 3-t
echo "@@@BEGIN oom4.jsonl"
echo "@@@END oom4.jsonl"
snap after
