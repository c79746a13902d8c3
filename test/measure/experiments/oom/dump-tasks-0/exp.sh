snap before
echo "@@@BEGIN oom.jsonl"
echo 0 > /proc/sys/vm/oom_dump_tasks
oomp hold 40 200 &
oomp hold 60 -200 &
sleep 3
oomp score before
oomp grow 0 4 1000
sleep 1
oomp score after
sleep 1
echo "@@@END oom.jsonl"
snap after
run who_is_left.txt ps -o pid,ppid,vsz,rss,args
