# SPDX-License-Identifier: GPL-2.0
#
# Draws the table of table.awk (-v tsv=) as SVG: the time of zbuddy relative to that of the
# page allocator, a bar per measure, the worst rows first; and the value R of the
# fragmentation rows for both.
#
#	awk -f chart.awk [-v title=TEXT] TSV >SVG

BEGIN {
	FS = "\t"
	left = 170
	width = 420
	most = 1.5	# longer bars are cut off
	# A fixed order, because that of `for (x in array)` differs between awks.
	nr_measures = split("icount nodes uml here", measures, " ")
	colour["icount"] = "#4878a8"
	colour["nodes"] = "#4878a8"
	colour["uml"] = "#e49444"
	colour["here"] = "#6a9f58"
	label["icount"] = "instructions"
	label["nodes"] = "instructions, two nodes"
	label["uml"] = "cycles, user-mode Linux"
	label["here"] = "cycles"
	wanted = "^(pair[.]|hold[.](1|64|1024|8192)$|bulk[.](1|8|64|128)$|" \
		 "cpus[.](fill_empty|fill_empty_bulk|pair_all)$|remote[.]|" \
		 "lat[.].*[.](p99|p999|max)$|many_random[.]|both_random[.]|" \
		 "call[.](exact_3|zero_4|kernel_0)$|node[.]other_node_0$)"
}

$1 != "frag" && $1 != "replay" && $2 ~ wanted && $5 != "-" {
	if (!($2 in at)) {
		at[$2] = ++nr
		name[nr] = $2
		worst[nr] = 0
	}
	if ($5 > worst[at[$2]])
		worst[at[$2]] = $5
	ratio[$2, $1] = $5
	limit[$2, $1] = $6 ~ /^ratio <= / ? substr($6, 10) : ""
	used[$1] = 1
}

($1 == "frag" || $1 == "replay") && $3 != "-" &&
$2 ~ /^(frag|replay)[.][a-z]+([.]no_movable)?[.]drained$/ {
	sub(/[.]drained$/, "", $2)
	frag[++nr_frag] = $2
	host[nr_frag] = $3
	ours[nr_frag] = $4
}

function text(x, y, anchor, size, s) {
	printf "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\">%s</text>\n",
	       x, y, anchor, size, s
}

function bar(x, y, w, h, fill) {
	printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n",
	       x, y, w < 0.5 ? 0.5 : w, h, fill
}

function line(x, y1, y2, style) {
	printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#444\" %s/>\n",
	       x, y1, x, y2, style
}

# Sort the rows by their highest ratio, in descending order; there are few of them.
function sort_rows(	i, j, t) {
	for (i = 2; i <= nr; i++)
		for (j = i; j > 1 && worst[j] > worst[j - 1]; j--) {
			t = worst[j]; worst[j] = worst[j - 1]; worst[j - 1] = t
			t = name[j]; name[j] = name[j - 1]; name[j - 1] = t
		}
}

function scale(v, max) {
	return (v > max ? max : v) / max * width
}

function draw_row(i, y,	j, m, k, v) {
	text(left - 8, y + 10, "end", 11, name[i])
	k = 0
	for (j = 1; j <= nr_measures; j++) {
		m = measures[j]
		if (!((name[i], m) in ratio))
			continue
		v = ratio[name[i], m]
		bar(left, y + 7 * k, scale(v, most), 6, colour[m])
		text(left + scale(v, most) + 4, y + 7 * k + 6, "start", 8, sprintf("%.2f", v))
		if (limit[name[i], m] != "")
			line(left + scale(limit[name[i], m], most), y + 7 * k - 1,
			     y + 7 * k + 7, "stroke-width=\"1.5\"")
		k++
	}
}

END {
	sort_rows()
	rows_at = 64
	frag_at = rows_at + nr * 18 + 40
	height = frag_at + nr_frag * 18 + 20
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\">\n",
	       left + width + 60, height
	bar(0, 0, left + width + 60, height, "#fff")
	text(10, 20, "start", 14, "Time of zbuddy / time of the page allocator" (title ? ", " title : ""))
	x = left
	for (j = 1; j <= nr_measures; j++) {
		m = measures[j]
		if (m in used) {
			bar(x, 34, 10, 10, colour[m])
			text(x + 14, 43, "start", 11, label[m])
			x += 170
		}
	}
	line(x + 5, 33, 45, "stroke-width=\"1.5\"")
	text(x + 14, 43, "start", 11, "target")
	line(left + scale(1, most), rows_at - 6, rows_at + nr * 18, "stroke-dasharray=\"3 3\"")
	text(left + scale(1, most), rows_at - 8, "middle", 9, "1")
	for (i = 1; i <= nr; i++)
		draw_row(i, rows_at + (i - 1) * 18)
	if (nr_frag)
		text(10, frag_at - 14, "start", 14,
		     "Share of free memory in free blocks of 2 MiB (R): page allocator grey, zbuddy green")
	for (i = 1; i <= nr_frag; i++) {
		y = frag_at + (i - 1) * 18
		text(left - 8, y + 10, "end", 11, frag[i])
		bar(left, y, scale(host[i], 1), 6, "#999")
		bar(left, y + 7, scale(ours[i], 1), 6, "#6a9f58")
		text(left + scale(ours[i], 1) + 4, y + 12, "start", 8, sprintf("%.2f", ours[i]))
		text(left + scale(host[i], 1) + 4, y + 6, "start", 8, sprintf("%.2f", host[i]))
	}
	print "</svg>"
}
