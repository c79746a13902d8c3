mods; ext4mods; mount -t ext4 /dev/vda /mnt
echo 60 > /proc/sys/vm/dirty_background_ratio
echo 80 > /proc/sys/vm/dirty_ratio
echo 500 > /proc/sys/vm/dirty_expire_centisecs
echo 100 > /proc/sys/vm/dirty_writeback_centisecs
snap before
run wb.jsonl wback 150
snap after
