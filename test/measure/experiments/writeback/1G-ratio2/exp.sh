mods; ext4mods; mount -t ext4 /dev/vda /mnt
echo 4 > /proc/sys/vm/dirty_ratio
echo 2 > /proc/sys/vm/dirty_background_ratio
snap before
run wb.jsonl wback 120
snap after
