snap before
echo "@@@BEGIN oom.jsonl"
oomp hold 10 0 &
oomp hold 10 1000 &
oomp hold 10 -1000 &
oomp hold 10 -999 &
oomp hold 10 500 &
oomp hold 10 -500 &
oomp hold 10 1 &
oomp hold 40 -1 &
oomp hold 20 -100 &
oomp shm 5 100 &
sleep 3
oomp score before
oomp grow 0 2 20
sleep 1
oomp score after
sleep 1
echo "@@@END oom.jsonl"
snap after
run who_is_left.txt ps -o pid,ppid,vsz,rss,args
