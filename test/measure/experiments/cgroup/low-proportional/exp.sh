mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/p
echo +memory > /cg/p/cgroup.subtree_control
mkdir /cg/p/t
mkdir /cg/p/u
echo 30M > /cg/p/memory.low
echo 40M > /cg/p/t/memory.low
echo 20M > /cg/p/u/memory.low
sh -c 'echo $$ > /cg/p/t/cgroup.procs; exec oomp hold 40 0' &
sh -c 'echo $$ > /cg/p/u/cgroup.procs; exec oomp hold 41 0' &
sleep 2
oomp grow 0 4 180
echo "@@@END oom0.jsonl"
cgput /cg/p/t 1-t
echo "@@@BEGIN oom1.jsonl"
echo "@@@END oom1.jsonl"
cgput /cg/p/u 1-u
echo "@@@BEGIN oom2.jsonl"
echo "@@@END oom2.jsonl"
cgput /cg/p 1-p
echo "@@@BEGIN oom3.jsonl"
echo "@@@END oom3.jsonl"
snap after
