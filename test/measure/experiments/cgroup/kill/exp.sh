cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 8 0' &
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 6 -1000' &
sleep 2
echo "@@@END oom0.jsonl"
cgput /cg/t 1-two
echo "@@@BEGIN oom1.jsonl"
echo 1 > /cg/t/cgroup.kill
sleep 0.5
echo "@@@END oom1.jsonl"
cgput /cg/t 2-killed
echo "@@@BEGIN oom2.jsonl"
echo "@@@END oom2.jsonl"
snap after
