mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 40 0' &
sleep 2
echo 16M > /cg/t/memory.high
echo "@@@END oom0.jsonl"
cgput /cg/t 1-high-16M
echo "@@@BEGIN oom1.jsonl"
echo max > /cg/t/memory.high
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp grow 0 2 20'
echo "@@@END oom1.jsonl"
cgput /cg/t 2-raised
echo "@@@BEGIN oom2.jsonl"
echo "@@@END oom2.jsonl"
snap after
