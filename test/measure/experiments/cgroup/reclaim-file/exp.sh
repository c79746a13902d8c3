mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 40 0' &
sleep 2
echo "@@@END oom0.jsonl"
cgput /cg/t 1-hold40
echo "@@@BEGIN oom1.jsonl"
echo 10M > /cg/t/memory.reclaim
echo "@@@END oom1.jsonl"
cgput /cg/t 2-reclaimed-10M
echo "@@@BEGIN oom2.jsonl"
echo 20M > /cg/t/memory.reclaim
echo "@@@END oom2.jsonl"
cgput /cg/t 3-reclaimed-20M
echo "@@@BEGIN oom3.jsonl"
echo "@@@END oom3.jsonl"
snap after
