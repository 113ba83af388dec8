# SPDX-License-Identifier: GPL-2.0-only
#
# Compares what a command printed with what a document says that it prints: succeeds if
# they are the same.
#
#	awk -f same.awk WORDS WANTED PRINTED
#
# WORDS are those of the session's comment. Blanks at the end of a line do not count. In
# a line that has "..." or a word that varies the number of blanks does not count either.

function trimmed(text)
{
	sub(/[ \t]+$/, "", text)
	return text
}

# The text as a regular expression for itself. A lone ^ means something between brackets.
function quoted(text,	i, c, all)
{
	for (i = 1; i <= length(text); i++) {
		c = substr(text, i, 1)
		if (c == "^" || c == "\\")
			all = all "\\" c
		else if (c ~ /[A-Za-z0-9_ :,;<>=\/@%-]/)
			all = all c
		else
			all = all "[" c "]"
	}
	return all
}

function may_vary(word)
{
	return word in varying || figures && word ~ /^-?[0-9]+([.:][0-9]+)*[KMG%]?,?$/
}

# "..." stands for any text, also inside of a word.
function expression(word,	parts, n, i, all)
{
	if (may_vary(word))
		return "[^ ]+"
	n = split(word, parts, /[.][.][.]/)
	all = quoted(parts[1])
	for (i = 2; i <= n; i++)
		all = all ".*" quoted(parts[i])
	return all
}

function same_line(want, got,	words, n, i, regex, loose)
{
	if (want == got)
		return 1
	n = split(want, words, /[ \t]+/)
	for (i = 1; i <= n; i++) {
		loose = loose || may_vary(words[i]) || words[i] ~ /[.][.][.]/
		regex = regex (i > 1 ? " " : "") expression(words[i])
	}
	gsub(/[ \t]+/, " ", got)
	return loose && got ~ "^" regex "$"
}

# A line "..." stands for any number of lines.
function same(i, j)
{
	for (; i <= nr_wanted; i++) {
		if (wanted[i] == "...") {
			for (; j <= nr_printed + 1; j++) {
				if (same(i + 1, j))
					return 1
			}
			return 0
		}
		if (j > nr_printed || !same_line(wanted[i], printed[j]))
			return 0
		j++
	}
	return j > nr_printed
}

BEGIN {
	while ((getline text <ARGV[1]) > 0) {
		n = split(text, words, / +/)
		for (i = 1; i <= n; i++) {
			if (words[i] == "figures")
				figures = 1
			if (listed)
				varying[words[i]]
			if (words[i] == "varies")
				listed = 1
		}
	}
	while ((getline text <ARGV[2]) > 0)
		wanted[++nr_wanted] = trimmed(text)
	while ((getline text <ARGV[3]) > 0)
		printed[++nr_printed] = trimmed(text)
	exit !same(1, 1)
}
