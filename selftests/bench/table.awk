# SPDX-License-Identifier: GPL-2.0
#
# Prints results of guest.sh as a table and as JSON.
#
#	awk -f table.awk [-v json=FILE] [-v tsv=FILE] TARGETS MEASURE=FILE...
#
# MEASURE is icount, nodes, uml, frag, replay, ranges, fio, lines or here. Figures are medians, except for rows that use several
# CPUs: these are the smallest of all rounds, because any other task that runs concurrently
# makes such a row slower.
#
# Array elements that may not exist must be tested with has(), and never be read or passed to
# a function: reading creates them, so that has() would find them later, and gawk 5.2.1 frees
# such an argument twice. style.sh runs this script with several awks.

BEGIN {
	nr_measures = nr_rows = 0
	read_targets(ARGV[1])
	for (i = 2; i < ARGC; i++) {
		split(ARGV[i], part, "=")
		measures[++nr_measures] = part[1]
		read_results(part[1], part[2])
		derive(part[1])
	}
	print_table()
	if (json)
		print_json()
	if (tsv)
		print_tsv()
	printf "%d passed, %d failed\n", passed, failed
	exit failed > 0
}

function read_targets(file,	line, part, key) {
	while ((getline line < file) > 0) {
		if (line ~ /^#/ || split(line, part) < 5)
			continue
		aim(part[1] SUBSEP part[2], part[3] " " part[4] " " part[5])
		# Targets for cycles, and for rows that are no times, apply to real machines.
		if (part[1] == "uml" || part[2] ~ /^(full|meta|frag.*)$/)
			aim("here" SUBSEP part[2], part[3] " " part[4] " " part[5])
	}
}

function aim(key, what,	i) {
	for (i = 1; i <= nr_targets[key]; i++)
		if (target[key, i] == what)
			return
	target[key, ++nr_targets[key]] = what
}

function read_results(m, file,	line, part) {
	while ((getline line < file) > 0) {
		if (line ~ /^#/) {
			notes[m] = notes[m] line "\n"
			continue
		}
		if (split(line, part, ",") != 7)
			continue
		scale = part[3] == "1/1000" ? 1000 : 1
		add(m, part[1], part[2], scale == 1000 ? "" : part[3],
		    part[4] / scale, part[5] / scale, part[6] / scale, part[7])
	}
	close(file)
}

function add(m, row, variant, unit, min, median, max, n) {
	if (!(row in seen)) {
		seen[row] = 1
		rows[++nr_rows] = row
	}
	units[m, row] = unit
	least[m, row, variant] = min
	middle[m, row, variant] = median
	most[m, row, variant] = max
	number[m, row, variant] = n
	value[m, row, variant] = row ~ /^(cpus|remote|both)/ ? min : median
}

function has(m, row, variant) {
	return (m, row, variant) in value
}

# Compute the rows that are derived from others.
function derive(m,	v, i, n, low, high, key, who) {
	split("host ours", who, " ")
	for (i = 1; i <= 2; i++) {
		v = who[i]
		low = high = 0
		for (n = 1; n <= 8192; n *= 2) {
			key = m SUBSEP "hold." n SUBSEP v
			if (!(key in value)) {
				low = 0
				break
			}
			low = !low || value[key] < low ? value[key] : low
			high = value[key] > high ? value[key] : high
		}
		if (low)
			made(m, "hold.knee", v, high / low)
		if (has(m, "cpus.pair_one", v))
			made(m, "cpus.scaling", v, cpus(m) * \
			     value[m, "cpus.pair_one", v] / value[m, "cpus.pair_all", v])
		sum(m, "cpus.fill_empty", v, "cpus.fill", "cpus.empty")
		sum(m, "cpus.fill_empty_bulk", v, "cpus.fill_bulk", "cpus.empty_bulk")
	}
}

function sum(m, row, v, a, b) {
	if (has(m, a, v) && has(m, b, v)) {
		made(m, row, v, value[m, a, v] + value[m, b, v])
		units[m, row] = units[m, a]
	}
}

function made(m, row, v, figure) {
	add(m, row, v, "", figure, figure, figure, 1)
}

function cpus(m) {
	return match(notes[m], /, [0-9]+ CPUs/) ? substr(notes[m], RSTART + 2) + 0 : 1
}

function ratio(m, row) {
	if (!has(m, row, "host") || !has(m, row, "ours") || !value[m, row, "host"])
		return ""
	return value[m, row, "ours"] / value[m, row, "host"]
}

function figure(m, row, kind) {
	if (kind == "ratio")
		return ratio(m, row)
	if (!has(m, row, "ours"))
		return ""
	if (kind == "gain")
		return has(m, row, "host") ? value[m, row, "ours"] - value[m, row, "host"] : ""
	return value[m, row, "ours"]
}

# Returns the targets of a row and whether they are met, e.g. "ratio <= 0.15 ok".
function verdict(m, row,	i, part, f, ok, text) {
	text = ""
	if (!((m, row) in nr_targets))
		return text
	for (i = 1; i <= nr_targets[m, row]; i++) {
		split(target[m, row, i], part, " ")
		f = figure(m, row, part[1])
		if (f == "")
			continue
		ok = part[2] == "<=" ? f <= part[3] : f >= part[3]
		if (ok)
			passed++
		else
			failed++
		text = text (text ? ", " : "") part[1] " " part[2] " " part[3] \
			(ok ? " ok" : " MISSED")
	}
	verdicts[m, row] = text
	return text
}

function figure_text(x) {
	return sprintf(x >= 1000 ? "%.0f" : "%.2f", x)
}

function number_or_dash(m, row, v) {
	return has(m, row, v) ? figure_text(value[m, row, v]) : "-"
}

function print_table(	i, k, m, row, r) {
	printf "%-8s %-30s %10s %10s %7s  %7s  %s\n", "measure", "row", "host",
	       "ours", "ratio", "spread", "target"
	for (k = 1; k <= nr_measures; k++) {
		m = measures[k]
		for (i = 1; i <= nr_rows; i++) {
			row = rows[i]
			if (has(m, row, "machine")) {
				printf "%-8s %-30s %10s\n", m, row,
				       number_or_dash(m, row, "machine")
				continue
			}
			if (!has(m, row, "ours") && !has(m, row, "host"))
				continue
			r = ratio(m, row)
			printf "%-8s %-30s %10s %10s %7s  %6.1f%%  %s\n", m, row,
			       number_or_dash(m, row, "host"),
			       number_or_dash(m, row, "ours"),
			       r == "" ? "-" : sprintf("%.3f", r),
			       spread(m, row), verdict(m, row)
		}
	}
}

# The difference between zbuddy's largest and smallest value, in percent of the median.
function spread(m, row) {
	return has(m, row, "ours") && value[m, row, "ours"] ? 100 * (most[m, row, "ours"] - \
		least[m, row, "ours"]) / value[m, row, "ours"] : 0
}

function json_variant(m, row, v) {
	return sprintf("{\"min\": %.2f, \"median\": %.2f, \"max\": %.2f, \"n\": %d}",
		       least[m, row, v], middle[m, row, v], most[m, row, v],
		       number[m, row, v])
}

function print_json(	i, k, m, row, r, sep, who, n) {
	split("host ours machine", who, " ")
	printf "{\n  \"date\": \"%s\",\n  \"passed\": %d,\n  \"failed\": %d,\n  \"rows\": [",
	       date, passed, failed > json
	for (k = 1; k <= nr_measures; k++) {
		m = measures[k]
		for (i = 1; i <= nr_rows; i++) {
			row = rows[i]
			if (!((m, row) in units))
				continue
			printf "%s\n    {\"measure\": \"%s\", \"row\": \"%s\", \"unit\": \"%s\"",
			       sep, m, row, units[m, row] > json
			for (n = 1; n <= 3; n++)
				if (has(m, row, who[n]))
					printf ", \"%s\": %s", who[n],
					       json_variant(m, row, who[n]) > json
			r = ratio(m, row)
			if (r != "")
				printf ", \"ratio\": %.4f", r > json
			if ((m, row) in verdicts && verdicts[m, row] != "")
				printf ", \"target\": \"%s\"", verdicts[m, row] > json
			printf "}" > json
			sep = ","
		}
	}
	print "\n  ]\n}" > json
	close(json)
}

function print_tsv(	i, k, m, row, r) {
	printf "" > tsv
	for (k = 1; k <= nr_measures; k++)
		for (i = 1; i <= nr_rows; i++) {
			m = measures[k]
			row = rows[i]
			if (!has(m, row, "ours"))
				continue
			r = ratio(m, row)
			printf "%s\t%s\t%s\t%s\t%s\t%s\n", m, row,
			       has(m, row, "host") ? value[m, row, "host"] : "-",
			       value[m, row, "ours"], r == "" ? "-" : r,
			       (m, row) in nr_targets ? target[m, row, 1] : "-" > tsv
		}
	close(tsv)
}
