mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
ext4mods; mount -t ext4 -o ro,noload /dev/vdb /mnt
echo 200 > /proc/sys/vm/swappiness
snap before
run reclaim.jsonl reclaim 64 1
snap after
