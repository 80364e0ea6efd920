# SPDX-License-Identifier: GPL-3.0-or-later
#
# Checks a page in Prometheus's text exposition format 0.0.4 as strictly as promtool does: HELP and TYPE once and before
# the samples, families in one piece, names and labels well formed and escaped, no sample twice, values numbers,
# histograms cumulative with a +Inf bucket that equals their count. Says what is wrong and fails.

function wrong(what) { print FILENAME ":" FNR ": " what ": " $0; bad = 1 }

# The family that a sample belongs to.
function family_of(name,   base) {
	base = name
	if (sub(/_(bucket|sum|count)$/, "", base) && type[base] == "histogram") return base
	return name
}

# Splits labels into label[]; false if they are not well formed.
function read_labels(text,   name, value) {
	delete label
	while (text != "") {
		if (!match(text, /^[a-zA-Z_][a-zA-Z0-9_]*="/)) return 0
		name = substr(text, 1, RLENGTH - 2)
		text = substr(text, RLENGTH + 1)
		if (!match(text, /^([^"\\]|\\[\\"n])*"/)) return 0
		value = substr(text, 1, RLENGTH - 1)
		text = substr(text, RLENGTH + 1)
		if (name in label) return 0
		label[name] = value
		if (text != "" && !sub(/^,/, "", text)) return 0
	}
	return 1
}

function close_histogram() {
	if (series == "") return
	if (last_bound != "+Inf") { print FILENAME ": " series ": no +Inf bucket"; bad = 1 }
	series = ""
}

function check_bucket(key,   bound) {
	bound = label["le"]
	if (key != series) { close_histogram(); series = key; last_bound = ""; last_value = -1 }
	if (last_bound != "" && (last_bound == "+Inf" || (bound != "+Inf" && bound + 0 <= last_bound + 0)))
		wrong("buckets out of order")
	if ($NF + 0 < last_value + 0) wrong("buckets are not cumulative")
	last_bound = bound
	last_value = $NF
	inf[key] = $NF
}

/^# HELP / { if ($3 in help) wrong("HELP twice"); help[$3] = 1; next }
/^# TYPE / {
	if ($3 in type) wrong("TYPE twice")
	if ($4 !~ /^(counter|gauge|histogram|summary|untyped)$/) wrong("unknown type")
	type[$3] = $4
	next
}
/^#/ || /^$/ { next }
{
	if (!match($0, /^[a-zA-Z_:][a-zA-Z0-9_:]*/)) { wrong("no name"); next }
	name = substr($0, 1, RLENGTH)
	rest = substr($0, RLENGTH + 1)
	labels = ""
	if (rest ~ /^\{/) {
		end = match(rest, /\} [^ }]*$/)
		if (!end) { wrong("labels without an end"); next }
		labels = substr(rest, 2, end - 2)
		rest = substr(rest, end + 1)
	}
	if (!read_labels(labels)) wrong("labels")
	if (rest !~ /^ ([-+]?[0-9.]+([eE][-+]?[0-9]+)?|[+-]Inf|NaN)$/) wrong("value")
	family = family_of(name)
	if (!(family in type) || !(family in help)) wrong("no HELP or TYPE before it")
	if (family != current) { if (family in seen) wrong("family in pieces"); seen[family] = 1; current = family }
	if ((name, labels) in samples) wrong("sample twice")
	samples[name, labels] = 1
	if (type[family] == "counter" && name !~ /(_total|_number)$/) wrong("a counter's name")
	others = labels
	sub(/,?le="[^"]*"/, "", others)
	if (type[family] == "histogram" && name ~ /_bucket$/) check_bucket(family SUBSEP others)
	else close_histogram()
	if (type[family] == "histogram" && name ~ /_count$/ && inf[family SUBSEP labels] != $NF)
		wrong("the count is not the +Inf bucket")
	count++
}
END { close_histogram(); if (count == 0) { print "no samples"; bad = 1 }; exit bad }
