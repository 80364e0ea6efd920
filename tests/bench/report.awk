# SPDX-License-Identifier: GPL-3.0-or-later
# Tables of medians for one round trip, from the values file. Peers beside CFS come in the order in
# which they were first recorded. A ratio above 1 means that CFS is ahead: times the best peer over
# ssh (or sshfs), and times the limit (a bare TLS stream, an unencrypted rsync daemon).
# The first file says which ratios are wanted (wanted); where one is not reached, the row is named at the end.
BEGIN { FS = "\t"; is_limit["bare TLS"] = is_limit["rsyncd"] = is_limit["passthrough"] = 1 }

FNR == NR {
	if ($1 == rtt && $1 !~ /^#/) {
		wanted[$2, 0] = $3
		wanted[$2, 1] = $4
	}
	next
}

$1 == rtt {
	if (!($2 in section_seen)) {
		section_seen[$2] = 1
		section[++sections] = $2
	}
	row_id = $2 SUBSEP $3
	if (!(row_id in unit)) {
		unit[row_id] = $4
		row[$2, ++rows[$2]] = $3
	}
	if (!(($2, $5) in peer_seen)) {
		peer_seen[$2, $5] = 1
		peer[$2, ++peers[$2]] = $5
	}
	cell = row_id SUBSEP $5
	value[cell, ++count[cell]] = $7
}

function median(cell, n, i, j, t, v) {
	n = count[cell]
	for (i = 1; i <= n; i++)
		v[i] = value[cell, i] + 0
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j - 1] > v[j]; j--) {
			t = v[j]
			v[j] = v[j - 1]
			v[j - 1] = t
		}
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

function pretty(x) {
	return x >= 100 ? sprintf("%.0f", x) : x >= 10 ? sprintf("%.1f", x) : sprintf("%.2f", x)
}

function more_is_better(s, r) { return unit[s, r] == "MiB/s" || unit[s, r] == "1/s" }

# A ratio and what is wanted of it; notes what falls short.
function against(s, r, limits, x, want) {
	x = ratio(s, r, limits)
	want = wanted[r, limits] + 0
	if (want == 0 || x == "–")
		return x
	if (x + 0 < want)
		short = short (short ? "; " : "") r " (" x " of " want (limits ? " times the limit)" : ")")
	return x " (" want ")"
}

# The ratio of CFS to the best of its peers, or of the limits: above 1, CFS is ahead.
function ratio(s, r, limits, i, p, x, best, cfs) {
	if (!count[s, r, "cfs"])
		return "–"
	cfs = median(s SUBSEP r SUBSEP "cfs")
	for (i = 1; i <= peers[s]; i++) {
		p = peer[s, i]
		if (p == "cfs" || (p in is_limit) != limits || !count[s, r, p])
			continue
		x = median(s SUBSEP r SUBSEP p)
		if (best == "" || (more_is_better(s, r) ? x > best : x < best))
			best = x
	}
	if (best == "" || best == 0 || cfs == 0)
		return "–"
	return sprintf("%.2f", more_is_better(s, r) ? cfs / best : best / cfs)
}

function table(s, i, j, limits, cell, r) {
	for (i = 1; i <= peers[s]; i++)
		limits += peer[s, i] in is_limit
	printf "\n| %s |", s
	for (i = 1; i <= peers[s]; i++)
		printf " %s |", peer[s, i]
	printf " cfs : best peer |%s\n|---|", limits ? " cfs : limit |" : ""
	for (i = 0; i <= peers[s] + (limits > 0); i++)
		printf "---:|"
	printf "\n"
	for (j = 1; j <= rows[s]; j++) {
		printf "| %s, %s |", row[s, j], unit[s, row[s, j]]
		for (i = 1; i <= peers[s]; i++) {
			cell = s SUBSEP row[s, j] SUBSEP peer[s, i]
			printf " %s |", count[cell] ? pretty(median(cell)) : "–"
		}
		r = ratio(s, row[s, j], 0)
		printf " %s |", against(s, row[s, j], 0)
		if (r != "–" && r < 1)
			behind = behind (behind ? "; " : "") s ": " row[s, j] " (" r ")"
		if (limits)
			printf " %s |", against(s, row[s, j], 1)
		printf "\n"
	}
}

END {
	for (n = 1; n <= sections; n++)
		table(section[n])
	if (behind)
		printf "\nBehind the best peer in: %s\n", behind
	if (short)
		printf "\nLess than wanted in: %s\n", short
}
