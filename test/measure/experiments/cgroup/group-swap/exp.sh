mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
echo 24M > /cg/t/memory.max
echo 16M > /cg/t/memory.swap.max
echo 1 > /cg/t/memory.oom.group
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 8 0' &
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 6 300' &
sleep 2
echo "@@@END oom0.jsonl"
cgput /cg/t 1-two
echo "@@@BEGIN oom1.jsonl"
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp grow -200 2 100'
sleep 0.5
echo "@@@END oom1.jsonl"
cgput /cg/t 2-after-oom
echo "@@@BEGIN oom2.jsonl"
echo "@@@END oom2.jsonl"
snap after
