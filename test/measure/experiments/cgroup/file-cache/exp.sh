mods
ext4mods; mount -t ext4 -o ro,noload /dev/vda /mnt
cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
mkdir /cg/u
echo 20M > /cg/t/memory.max
sh -c 'echo $$ > /cg/t/cgroup.procs; exec cat /mnt/f32' > /dev/null
echo "@@@END oom0.jsonl"
cgput /cg/t 1-read
echo "@@@BEGIN oom1.jsonl"
sh -c 'echo $$ > /cg/u/cgroup.procs; exec cat /mnt/f32' > /dev/null
echo "@@@END oom1.jsonl"
cgput /cg/t 2-t
echo "@@@BEGIN oom2.jsonl"
echo "@@@END oom2.jsonl"
cgput /cg/u 2-u
echo "@@@BEGIN oom3.jsonl"
echo "@@@END oom3.jsonl"
snap after
