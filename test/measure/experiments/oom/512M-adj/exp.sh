snap before
echo "@@@BEGIN oom.jsonl"
oomp hold 60 0 &
oomp hold 40 400 &
oomp hold 120 -500 &
oomp hold 40 -1000 &
sleep 4
oomp score before
oomp grow 0 8 2000
sleep 1
oomp score after
sleep 1
echo "@@@END oom.jsonl"
snap after
run who_is_left.txt ps -o pid,ppid,vsz,rss,args
