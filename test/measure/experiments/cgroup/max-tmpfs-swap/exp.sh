mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
echo 24M > /cg/t/memory.max
mount -t tmpfs tmpfs /shm
sh -c 'echo $$ > /cg/t/cgroup.procs; exec dd if=/dev/zero of=/shm/x bs=1M count=40' 2>/dev/null
echo "@@@END oom0.jsonl"
cgput /cg/t 1-written
echo "@@@BEGIN oom1.jsonl"
echo 12M > /cg/t/memory.max
echo "@@@END oom1.jsonl"
cgput /cg/t 2-max-12M
echo "@@@BEGIN oom2.jsonl"
echo "@@@END oom2.jsonl"
snap after
