mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
ext4mods; mount -t ext4 -o ro,noload /dev/vdb /mnt
echo y > /sys/kernel/mm/lru_gen/enabled
snap before
run reclaim.jsonl reclaim 64 3
snap after
