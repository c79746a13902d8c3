mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
echo 32M > /cg/t/memory.max
echo 0 > /cg/t/memory.swap.max
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp grow 0 2 64'
sleep 0.5
echo "@@@END oom0.jsonl"
cgput /cg/t 1-after
echo "@@@BEGIN oom1.jsonl"
echo "@@@END oom1.jsonl"
snap after
