mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
mkdir /cg/u
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 40 0' &
sh -c 'echo $$ > /cg/u/cgroup.procs; exec oomp hold 41 0' &
sleep 2
oomp grow 0 4 180
echo "@@@END oom0.jsonl"
cgput /cg/t 1-t
echo "@@@BEGIN oom1.jsonl"
echo "@@@END oom1.jsonl"
cgput /cg/u 1-u
echo "@@@BEGIN oom2.jsonl"
echo "@@@END oom2.jsonl"
snap after
