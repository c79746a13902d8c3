snap before
echo "@@@BEGIN oom.jsonl"
oomp hold 300 0 &
oomp hold 200 200 &
sleep 6
oomp score before
oomp grow -400 16 4000
sleep 1
oomp score after
sleep 1
echo "@@@END oom.jsonl"
snap after
run who_is_left.txt ps -o pid,ppid,vsz,rss,args
