mount -t debugfs d /sys/kernel/debug
snap before
echo "@@@BEGIN frag.jsonl"
frag 800 dontneed nocompact
echo
echo "@@@END x"
snap after
