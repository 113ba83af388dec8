# SPDX-License-Identifier: GPL-2.0-only
#
# Takes the sessions out of documents, for sessions_test.sh. A session is an indented or
# fenced block of Markdown, or a .Bd of a manual page, whose first line starts with the
# prompt "# " or "$ ". The comment before it may say how it is run, see ../README.md.
# Prints lines of a letter, a tab and text:
#
#	S	a session begins: DOCUMENT:LINE
#	W	words of its comment
#	C	a command
#	O	a line of what it prints

# What the source of a manual page has instead of the character.
function plain(text)
{
	if (manual) {
		gsub(/\\&/, "", text)
		gsub(/\\-/, "-", text)
		gsub(/\\e/, "\\", text)
	}
	return text
}

function end_of_block()
{
	inside = first = 0
	words = ""
}

# A line of a block.
function line(text)
{
	text = plain(text)
	if (first && text ~ /^[#$] /) {
		print "S\t" name ":" FNR
		if (words != "")
			print "W\t" words
		session = 1
	} else if (first) {
		session = 0
	}
	first = 0
	if (!session)
		return
	if (text ~ /^[#$] /)
		print "C\t" substr(text, 3)
	else
		print "O\t" text
}

function begin_block()
{
	inside = first = 1
}

FNR == 1 {
	name = FILENAME
	sub(/^.*\.\.\//, "", name)
	manual = name ~ /\.[1-9]$/
	fence = 0
	end_of_block()
}

match($0, /session: .*/) && (manual ? /^\.\\"/ : /^<!--/) {
	words = substr($0, RSTART + 9)
	sub(/ *-->$/, "", words)
	next
}

manual && /^\.Bd / { begin_block(); next }
manual && /^\.Ed/ { end_of_block(); next }
manual {
	if (inside)
		line($0)
	next
}

/^```/ {
	if (fence)
		end_of_block()
	else
		begin_block()
	fence = !fence
	next
}
fence { line($0); next }

/^    / {
	if (!inside)
		begin_block()
	line(substr($0, 5))
	next
}
inside { end_of_block() }
/[^ ]/ { words = "" }
