mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
ext4mods; mount -t ext4 -o ro,noload /dev/vdb /mnt
snap before
run mixed.jsonl mixed 380 100 3
snap after
