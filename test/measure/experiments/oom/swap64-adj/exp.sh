mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
snap before
echo "@@@BEGIN oom.jsonl"
oomp hold 30 0 &
oomp hold 20 500 &
oomp hold 60 -500 &
sleep 4
oomp score before
oomp grow -300 4 1000
sleep 1
oomp score after
sleep 1
echo "@@@END oom.jsonl"
snap after
run who_is_left.txt ps -o pid,ppid,vsz,rss,args
