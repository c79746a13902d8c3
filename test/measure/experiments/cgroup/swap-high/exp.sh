mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
echo 24M > /cg/t/memory.max
echo 8M > /cg/t/memory.swap.high
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp grow 0 2 33'
echo "@@@END oom0.jsonl"
cgput /cg/t 1-grown
echo "@@@BEGIN oom1.jsonl"
echo "@@@END oom1.jsonl"
snap after
