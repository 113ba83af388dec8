# SPDX-License-Identifier: GPL-2.0-only
#
# Converts the kernel's trace to 8 bytes per event:
#
#	struct event {
#		__le32 pfn;
#		u8 op;		bit 7: free; bits 0-3: order
#		u8 migratetype;	of an allocation
#		u8 cpu;
#		u8 class;	of an allocation: line of the file of classes, from 0
#	};
#
# usage: record.pl EVENTS CLASSES <TRACE

use strict;
use warnings;

my ($events, $classes) = @ARGV;
my (%class, @name, @count, %nr);

sub class_of {
	my ($gfp) = @_;

	if (!exists($class{$gfp})) {
		die "too many different flags\n" if @name == 256;
		$class{$gfp} = @name;
		push(@name, $gfp);
	}
	$count[$class{$gfp}]++;
	return $class{$gfp};
}

open(my $out, '>:raw', $events) or die "$events: $!\n";
while (<STDIN>) {
	if (/\[(\d+)\].* mm_page_alloc: .*pfn=0x([0-9a-f]+) order=(\d+) migratetype=(\d+) gfp_flags=(\S+)/) {
		if (hex($2) == 0) {
			$nr{failed}++;
			next;
		}
		print $out pack('VCCCC', hex($2), $3, $4, $1, class_of($5));
		$nr{allocated}++;
	} elsif (/\[(\d+)\].* mm_page_free: .*pfn=0x([0-9a-f]+) order=(\d+)/) {
		print $out pack('VCCCC', hex($2), 0x80 | $3, 0, $1, 0);
		$nr{freed}++;
	}
}
close($out) or die "$events: $!\n";
open($out, '>', $classes) or die "$classes: $!\n";
printf $out "%d %s\n", $count[$_], $name[$_] for 0 .. $#name;
close($out) or die "$classes: $!\n";
printf "%s %d\n", $_, $nr{$_} for sort keys %nr;
