mods
ext4mods; mount -t ext4 -o ro,noload /dev/vda /mnt
cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
echo 20M > /cg/t/memory.high
sh -c 'echo $$ > /cg/t/cgroup.procs; exec cat /mnt/f128' > /dev/null
echo "@@@END oom0.jsonl"
cgput /cg/t 1-read
echo "@@@BEGIN oom1.jsonl"
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 10 0' &
sleep 1
echo "@@@END oom1.jsonl"
cgput /cg/t 2-hold10
echo "@@@BEGIN oom2.jsonl"
echo "@@@END oom2.jsonl"
snap after
