snap before
echo "@@@BEGIN oom.jsonl"
oomp hold 40 0 &
oomp hold 20 0 &
sleep 3
oomp score before
oomp hold 200 0 lock &
sleep 4
oomp score after
sleep 1
echo "@@@END oom.jsonl"
snap after
run who_is_left.txt ps -o pid,ppid,vsz,rss,args
