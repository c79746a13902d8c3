mods; ext4mods; mount -t ext4 /dev/vda /mnt
echo 40 > /proc/sys/vm/dirty_ratio
echo 5 > /proc/sys/vm/dirty_background_ratio
snap before
run wb.jsonl wback 150
snap after
