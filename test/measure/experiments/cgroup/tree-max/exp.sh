mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/p
echo 40M > /cg/p/memory.max
echo +memory > /cg/p/cgroup.subtree_control
mkdir /cg/p/a
mkdir /cg/p/b
echo 20M > /cg/p/a/memory.min
sh -c 'echo $$ > /cg/p/a/cgroup.procs; exec oomp hold 24 0' &
sleep 1
sh -c 'echo $$ > /cg/p/b/cgroup.procs; exec oomp hold 30 0' &
sleep 2
echo "@@@END oom0.jsonl"
cgput /cg/p 1-p
echo "@@@BEGIN oom1.jsonl"
echo "@@@END oom1.jsonl"
cgput /cg/p/a 1-a
echo "@@@BEGIN oom2.jsonl"
echo "@@@END oom2.jsonl"
cgput /cg/p/b 1-b
echo "@@@BEGIN oom3.jsonl"
echo 8M > /cg/p/b/memory.high
sleep 1
echo "@@@END oom3.jsonl"
cgput /cg/p/b 2-b
echo "@@@BEGIN oom4.jsonl"
echo "@@@END oom4.jsonl"
cgput /cg/p/a 2-a
snap after
