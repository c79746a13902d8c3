mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
echo 16M > /cg/t/memory.low
echo 24M > /cg/t/memory.high
echo 32M > /cg/t/memory.max
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 40 0' &
sleep 3
echo "@@@END oom0.jsonl"
cgput /cg/t 1-held
echo "@@@BEGIN oom1.jsonl"
echo 20M > /cg/t/memory.reclaim
echo "@@@END oom1.jsonl"
cgput /cg/t 2-reclaimed
echo "@@@BEGIN oom2.jsonl"
echo 4M > /cg/t/memory.high
sleep 1
echo "@@@END oom2.jsonl"
cgput /cg/t 3-high-4M
echo "@@@BEGIN oom3.jsonl"
echo "@@@END oom3.jsonl"
snap after
