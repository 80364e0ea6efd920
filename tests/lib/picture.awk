# SPDX-License-Identifier: GPL-3.0-or-later
#
# Text with colours, as `tmux capture-pane -e -p` writes it, becomes an SVG: a window of a terminal, without the empty lines at its end.
# -v columns=N -v title=TEXT

function escaped(s) {
	gsub(/&/, "\\&amp;", s)
	gsub(/</, "\\&lt;", s)
	gsub(/>/, "\\&gt;", s)
	return s
}

# The characters as a browser counts them: not the bytes after the first of one.
function width(s) {
	gsub(/[\200-\277]/, "", s)
	return length(s)
}

function run(s) {
	if (s == "")
		return
	if (s !~ /^ *$/)
		out = out sprintf("<text x=\"%.1f\" y=\"%d\"%s%s textLength=\"%.1f\">%s</text>\n", 16 + column * 8.4,
			y, color == "" ? "" : " fill=\"" color "\"", bold ? " font-weight=\"bold\"" : "",
			width(s) * 8.4, escaped(s))
	column += width(s)
}

function sgr(codes,	n, c, i) {
	n = split(codes, c, ";")
	if (n == 0)
		color = bold = ""
	for (i = 1; i <= n; i++) {
		if (c[i] + 0 == 0)
			color = bold = ""
		else if (c[i] == 1)
			bold = 1
		else if (c[i] == 39)
			color = ""
		else if (c[i] in palette)
			color = palette[c[i]]
	}
}

BEGIN {
	palette[31] = "#ff7b72"; palette[32] = "#7ee787"; palette[33] = "#e3b341"; palette[34] = "#79c0ff"
	palette[35] = "#d2a8ff"; palette[36] = "#76e3ea"; palette[37] = "#c9d1d9"
	y = 58
}

{
	line = $0
	column = 0
	while (match(line, /\033\[[0-9;]*m/)) {
		run(substr(line, 1, RSTART - 1))
		sgr(substr(line, RSTART + 2, RLENGTH - 3))
		line = substr(line, RSTART + RLENGTH)
	}
	run(line)
	y += 18
	if (column > 0)
		bottom = y
}

END {
	w = 32 + columns * 8.4
	y = bottom + 6
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", w, y, w, y
	printf "<rect width=\"100%%\" height=\"100%%\" rx=\"8\" fill=\"#0d1117\"/>\n"
	printf "<g fill=\"#484f58\"><circle cx=\"20\" cy=\"18\" r=\"6\"/><circle cx=\"40\" cy=\"18\" r=\"6\"/><circle cx=\"60\" cy=\"18\" r=\"6\"/></g>\n"
	printf "<g font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"14\" fill=\"#c9d1d9\" xml:space=\"preserve\">\n"
	printf "<text x=\"%d\" y=\"23\" fill=\"#8b949e\" text-anchor=\"middle\">%s</text>\n", w / 2, escaped(title)
	printf "%s</g>\n</svg>\n", out
}
