mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 40 0' &
sleep 2
echo 24M > /cg/t/memory.max
echo "@@@END oom0.jsonl"
cgput /cg/t 1-max-24M
echo "@@@BEGIN oom1.jsonl"
echo 12M > /cg/t/memory.max
echo "@@@END oom1.jsonl"
cgput /cg/t 2-max-12M
echo "@@@BEGIN oom2.jsonl"
echo max > /cg/t/memory.max
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp grow 0 2 30'
echo "@@@END oom2.jsonl"
cgput /cg/t 3-raised
echo "@@@BEGIN oom3.jsonl"
echo "@@@END oom3.jsonl"
snap after
