mods
ext4mods; mount -t ext4 -o ro,noload /dev/vda /mnt
snap before
echo "@@@BEGIN oom.jsonl"
oomp hold 40 0 &
oomp hold 20 300 &
sleep 3
cat /mnt/f128 > /dev/null
oomp score before
oomp grow 0 4 1000
sleep 1
oomp score after
sleep 1
echo "@@@END oom.jsonl"
snap after
run who_is_left.txt ps -o pid,ppid,vsz,rss,args
