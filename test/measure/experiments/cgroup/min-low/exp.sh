mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
mkdir /cg/u
echo 30M > /cg/t/memory.min
echo 10M > /cg/u/memory.low
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 40 0' &
sh -c 'echo $$ > /cg/u/cgroup.procs; exec oomp hold 41 0' &
sleep 2
echo "@@@END oom0.jsonl"
cgput /cg/t 1-before
echo "@@@BEGIN oom1.jsonl"
oomp grow 0 4 180
echo "@@@END oom1.jsonl"
cgput /cg/t 2-protected
echo "@@@BEGIN oom2.jsonl"
echo "@@@END oom2.jsonl"
cgput /cg/u 2-other
echo "@@@BEGIN oom3.jsonl"
echo "@@@END oom3.jsonl"
snap after
