# SPDX-License-Identifier: GPL-3.0-or-later
#
# One Makefile for everything; sources are found by wildcard. What people type:
#
#   make            the programs, in build/bin            make try     a server, a user, a mount and a shell to play in
#   make check      every test that is not slow           make unit T=err            one cmocka program (no T: all)
#   make check-all  the slow ones too                     make bats T=tests/cli/ls.bats   one bats file (no T: all)
#   make check-races   the client library's and the mount's tests under ThreadSanitizer (T: these alone)
#   make lint | format | fuzz | bench BENCH=--quick | install | deb | clean | deps
#
# Variables: CC, PREFIX, DESTDIR, VERSION, V=1 (show commands), WERROR=0 (warnings do not stop the build),
# SAN=1 (address and undefined sanitizers, in build-san), TSAN=1 (thread sanitizer, in build-tsan), B (build folder).

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.PHONY: all tests check check-all check-races unit bats try bench fuzz fuzzers lint format protocol-manual install deb clean deps FORCE

ifeq ($(origin CC),default)
CC := gcc
endif
AR ?= ar
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
MOUNTHELPERDIR ?= /sbin
WERROR ?= 1
B ?= build$(if $(SAN),-san)$(if $(TSAN),-tsan)
Q := $(if $(V),,@)
VERSION ?= $(or $(patsubst v%,%,$(shell git describe --tags --match 'v[0-9]*' 2>/dev/null)),0.1.0$(shell git log -1 --format=-%h 2>/dev/null))

# ---- flags

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wstrict-prototypes \
	-Wmissing-prototypes -Wformat=2 -Wvla -Wundef -Wpointer-arith -Wwrite-strings -Wswitch-enum \
	-Wimplicit-fallthrough -fno-common
ifeq ($(findstring clang,$(CC)),)
WARN += -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init
endif
ifneq ($(filter 1 true,$(WERROR) $(CI)),)
WARN += -Werror
endif

# A sanitizer checks more than _FORTIFY_SOURCE does and is blinded by it; it also makes gcc see null where there is none.
# The thread sanitizer is asked at each access, and -O2 joins the bytes of a number into one: checksums took minutes else. It
# knows no fences, which only the counters have (server/stats).
ifneq ($(SAN)$(TSAN),)
SANITIZERS := $(if $(SAN),-fsanitize=address -fsanitize=undefined) $(if $(TSAN),-fsanitize=thread) \
	$(if $(FUZZ),-fsanitize=fuzzer-no-link)
HARDEN := $(if $(TSAN),-O2,-O1) -fno-omit-frame-pointer -fno-sanitize-recover=all -fPIE $(SANITIZERS)
LINK := -pie $(SANITIZERS)
WARN += $(if $(findstring clang,$(CC)),,$(if $(TSAN),-Wno-tsan))
else
WARN += -Wnull-dereference
HARDEN := -O2 -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fPIE \
	$(if $(filter x86_64 i686,$(shell uname -m)),-fcf-protection)
# A build id is a hash of where it was built too: packages of one commit would differ.
LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--build-id=none
endif

# EVENTS=0 writes no events: only for measuring what they cost, beside a whole build (tests/bench/events_cost).
# Under which sanitizer a program runs: gcc and clang would each say it in its own way.
CPPFLAGS_ALL := -D_GNU_SOURCE -Isrc $(if $(filter 0,$(EVENTS)),-DCFS_NO_EVENTS) \
	$(if $(SAN),-DCFS_SAN_ADDRESS) $(if $(TSAN),-DCFS_SAN_THREAD) $(CPPFLAGS)
CFLAGS_ALL := -std=c11 -g -pthread $(HARDEN) $(WARN) $(CFLAGS)
LDFLAGS_ALL := -pthread -Wl,--as-needed $(LINK) $(LDFLAGS)

# Asked once, and only when something needs it: `make deps` runs where pkg-config itself is missing.
PKGS_fuse := fuse3
FUSE_CFLAGS = $(eval FUSE_CFLAGS := -DFUSE_USE_VERSION=312 $(patsubst -I%,-isystem%,$(shell \
	pkg-config --cflags $(PKGS_fuse))))$(FUSE_CFLAGS)
pkg_libs = $(if $1,$(shell pkg-config --libs $1))

# ---- sources: a folder is a library; a program is a library's objects and the libraries below it

MODULES := server client store net proto base
src_cli := $(wildcard src/cli/*.c)
src_admin := $(wildcard src/admin/*.c)
src_mount := $(wildcard fuse/*.c)
src_proxy := $(wildcard tests/lib/proxy/*.c)
src_crash := $(wildcard tests/fault/crash/*.c)
src_storm := $(wildcard tests/fault/storm/*.c)
src_posix := $(wildcard tests/mount/posix/*.c)
src_random := $(wildcard tests/mount/random/*.c)
src_cuts := $(wildcard tests/mount/cuts/*.c)
src_daemon := $(wildcard src/server/main.c)
src_testlib := $(filter-out tests/unit/test_% tests/contract/test_%,\
	$(wildcard tests/lib/*.c tests/unit/*.c tests/contract/*.c))
$(foreach m,$(MODULES),$(eval src_$m := $(filter-out src/server/main.c,$(wildcard src/$m/*.c))))
src_show := $(wildcard src/show/*.c)
LIBRARIES := $(MODULES) show cli admin testlib
objects = $(patsubst %.c,$(B)/%.o,$(src_$1))
archives = $(patsubst %,$(B)/lib/lib%.a,$1)

# A folder without a main() is not a program yet.
program = $(if $(shell grep -lsw '^main' /dev/null $(src_$2)),$(B)/bin/$1)
PROGRAMS := $(call program,cfs,cli) $(call program,cfsadm,admin) $(call program,cfs-mount,mount) \
	$(call program,cfsd,daemon)
test_programs = $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/$1/$2))
UNIT := $(call test_programs,unit,test_*.c) $(call test_programs,contract,test_*.c)
HELPERS := $(call test_programs,bench,*.c) $(call test_programs,fault,*.c)
PROXY := $(B)/tests/proxy
CRASH := $(B)/tests/crash $(B)/tests/record.so $(B)/tests/storm $(B)/tests/inject.so
ON_FILES := $(B)/tests/posix $(B)/tests/random $(B)/tests/cuts
LATE := $(B)/tests/late.so
FUZZERS := $(call test_programs,fuzz,fuzz_*.c)
BATS := $(wildcard tests/cli/*.bats tests/mount/*.bats tests/fault/*.bats)
LINT_FAST := tests/lint/layers tests/lint/headers tests/lint/shape tests/lint/protocol-manual tests/lint/settings tests/lint/manuals

all: $(PROGRAMS) $(call archives,$(MODULES))
tests: $(UNIT) $(HELPERS) $(PROXY) $(CRASH) $(ON_FILES) $(LATE)

# $(call link,packages): the objects and archives of the prerequisites, then the system's libraries.
define link
@mkdir -p $(@D)
$(if $(V),,@echo '  LINK    $@')
$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(call pkg_libs,$1)
endef

CLIENT_LIBS := client net proto base
SERVER_LIBS := server store net proto base
CLIENT_PKGS := openssl jansson inih
SERVER_PKGS := openssl sqlite3 libsodium inih jansson libseccomp

$(B)/bin/cfs: $(call objects,cli) $(call archives,show $(CLIENT_LIBS))
	$(call link,$(CLIENT_PKGS) readline ncursesw)
$(B)/bin/cfs-mount: $(call objects,mount) $(call archives,$(CLIENT_LIBS))
	$(call link,$(CLIENT_PKGS) fuse3)
$(B)/bin/cfsd: $(call objects,daemon) $(call archives,$(SERVER_LIBS))
	$(call link,$(SERVER_PKGS))
$(B)/bin/cfsadm: $(call objects,admin) $(call archives,show server client store net proto base)
	$(call link,$(SERVER_PKGS) ncursesw)
$(UNIT) $(HELPERS): $(B)/tests/%: $(B)/tests/%.o $(call archives,testlib cli admin show $(MODULES))
	$(call link,cmocka readline ncursesw $(SERVER_PKGS))
# The part of the mount that stands without libfuse.
$(B)/tests/unit/test_inodes: $(patsubst %,$(B)/fuse/%.o,dropped inode inode_table place)
$(PROXY): $(call objects,proxy)
	$(call link)
$(B)/tests/posix: $(call objects,posix)
$(B)/tests/random: $(call objects,random)
$(B)/tests/cuts: $(call objects,cuts)
$(ON_FILES):
	$(call link)
$(B)/tests/crash: $(call objects,crash) $(call archives,store base)
	$(call link,openssl sqlite3 libsodium inih)
$(B)/tests/storm: $(call objects,storm) $(call archives,$(CLIENT_LIBS))
	$(call link,$(CLIENT_PKGS))
# Preloaded into programs that may have sanitizers or not, so they have none; and they stand in for what _FORTIFY_SOURCE wraps.
$(B)/tests/record.so: $(wildcard tests/fault/record/*.[ch]) tests/fault/crash/log.h $(B)/flags.stamp
$(B)/tests/inject.so: $(wildcard tests/fault/inject/*.[ch]) $(B)/flags.stamp
$(B)/tests/late.so: $(wildcard tests/mount/late/*.c) $(B)/flags.stamp
$(B)/tests/record.so $(B)/tests/inject.so $(B)/tests/late.so:
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) -D_GNU_SOURCE -std=c11 -g -O2 -fPIC -pthread $(WARN) -shared -Wl,-z,now -o $@ $(filter %.c,$^)
$(FUZZERS): LDFLAGS_ALL += -fsanitize=fuzzer
$(FUZZERS): $(B)/tests/%: $(B)/tests/%.o $(call archives,testlib cli show $(MODULES))
	$(call link,cmocka readline ncursesw $(SERVER_PKGS))

# ---- objects and archives

$(B)/%.o: %.c $(B)/flags.stamp
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC      $<')
	$(Q)$(CC) $(CPPFLAGS_ALL) $(EXTRA) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
$(call objects,mount): EXTRA = $(FUSE_CFLAGS)
$(B)/src/base/version.o: EXTRA = -DCFS_VERSION='"$(VERSION)"'
$(B)/src/base/version.o: $(B)/version.stamp

# Made anew each time and when the list of members changes, so that a removed source leaves no object behind.
define archive_rule
$(B)/lib/lib$1.a: $(call objects,$1) $(B)/lib/$1.stamp
	$(if $(V),,@echo '  AR      $$@')
	$(Q)rm -f $$@ && $(AR) rcsD $$@ $$(filter %.o,$$^)
$(B)/lib/$1.stamp: CONTENT = $(src_$1)
endef
$(foreach m,$(LIBRARIES),$(eval $(call archive_rule,$m)))

$(B)/flags.stamp: CONTENT = $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL)
$(B)/version.stamp: CONTENT = $(VERSION)
$(B)/%.stamp: FORCE
	@mkdir -p $(@D)
	@echo '$(CONTENT)' | cmp -s - $@ || echo '$(CONTENT)' >$@

-include $(shell find $(B) -type f -name '*.d' 2>/dev/null)
.PRECIOUS: $(B)/%.o

# ---- tests. The tools are installed first, then make starts anew, so that it finds them.

# All processors, unless -j says how many.
SUBMAKE = $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
# What the lint of headers compiles with.
export LINT_CC = $(CC) $(CPPFLAGS_ALL) -std=c11 $(WARN)
RUN = B=$(B) SAN=$(SAN) TSAN=$(TSAN) tests/lib/run-all
export B

deps:
	@tests/lib/deps.sh build test lint
check check-all:
	@tests/lib/deps.sh build test
	+@$(SUBMAKE) all tests
	@$(if $(filter check-all,$@),CFS_TEST_SLOW=1) $(RUN) $(wildcard $(LINT_FAST)) $(UNIT) $(BATS)
unit: $(if $(T),$(filter %/test_$(T:test_%=%),$(UNIT)),$(UNIT))
	$(if $^,,$(error no unit or contract test named $(T)))
	@$(RUN) $^
bats: all tests
	@$(RUN) $(or $(T),$(BATS))
# Every test of the client library and the mount under ThreadSanitizer; what is not looked at, the server above all, is from
# the ordinary build, and ten times as fast. T: these files alone.
RACES := $(B)-races
RACY := $(patsubst tests/%.c,$(B)-tsan/tests/%,$(wildcard tests/unit/test_client_*.c) $(addprefix tests/unit/test_,work.c \
	inodes.c disk_cache.c))
check-races:
	@tests/lib/deps.sh build test
	+@$(SUBMAKE) all $(HELPERS) $(PROXY) $(ON_FILES) $(LATE)
	+@$(SUBMAKE) TSAN=1 B=$(B)-tsan $(B)-tsan/bin/cfs $(B)-tsan/bin/cfs-mount $(RACY)
	@mkdir -p $(RACES)/bin
	@ln -sf $(abspath $(B))/bin/cfsd $(abspath $(B))/bin/cfsadm $(abspath $(B))-tsan/bin/cfs $(abspath $(B))-tsan/bin/cfs-mount $(RACES)/bin
	@ln -sfn $(abspath $(B))/tests $(RACES)/tests
	@TSAN=1 B=$(RACES) tests/lib/run-all $(or $(T),$(abspath $(RACY)) $(filter tests/mount/%,$(BATS)))

try:
	@tests/lib/deps.sh build try
	+@$(SUBMAKE) all
	@tests/lib/try.sh $(B)/bin
# BENCH holds options, as in: make bench BENCH='--quick --only tree'
bench:
	@tests/lib/deps.sh build bench
	+@$(SUBMAKE) all $(HELPERS) $(PROXY)
	+@$(SUBMAKE) EVENTS=0 B=$(B)-noevents $(B)-noevents/bin/cfsd $(B)-noevents/bin/cfsadm
	@tests/bench/bench --build $(B) $(BENCH)

# FUZZ_SECONDS for each fuzzer (T: its name, else all); FUZZ_LOG: where a row about each run goes.
FUZZ_SECONDS ?= 60
fuzz:
	@tests/lib/deps.sh build fuzz test
	+@$(SUBMAKE) CC=clang SAN=1 FUZZ=1 B=build-fuzz fuzzers
	@tests/fuzz/run --build build-fuzz --seconds $(FUZZ_SECONDS) $(if $(FUZZ_LOG),--log $(FUZZ_LOG)) $(T)
fuzzers: $(FUZZERS)

# ---- lint

C_FILES := $(wildcard src/*/*.[ch] fuse/*.[ch] tests/*/*.[ch] tests/*/*/*.[ch])
SCRIPTS := $(wildcard .ci/run tests/lib/run-all tests/lib/*.sh tests/lib/*.bash conf/deb/build conf/deb/*.p*rm conf/deb/*.p*inst tests/lint/* tests/bench/bench \
	tests/bench/*.bash tests/fuzz/run tests/*/*.bats completions/*.bash)
MANUALS := $(wildcard man/*.[1-8])
TIDY := $(addprefix tidy/,$(filter src/%.c fuse/%.c,$(C_FILES)))

lint:
	@tests/lib/deps.sh build lint
	+@$(SUBMAKE) all
	@$(RUN) $(LINT_FAST)
	$(Q)clang-format --dry-run -Werror $(C_FILES)
	$(Q)shellcheck $(SCRIPTS)
	$(if $(MANUALS),$(Q)mandoc -T lint -W warning $(MANUALS))
	+@$(SUBMAKE) --keep-going $(TIDY)
.PHONY: $(TIDY)
$(TIDY): tidy/%: %
	$(if $(V),,@echo '  TIDY    $<')
	$(Q)clang-tidy --quiet $< -- -std=c11 $(CPPFLAGS_ALL) -DCFS_VERSION='""' $(FUSE_CFLAGS) 2>/dev/null

# Writes the tables of cfs-protocol(7) anew after ops.def or errors.def changed; the lint of the same name checks them.
protocol-manual:
	@tests/lint/$@ --update

format:
	clang-format -i $(C_FILES)

# ---- install

LOCALSTATEDIR ?= /var
INSTALL := install -D -m
D = $(DESTDIR)$(PREFIX)
define install_each
$(foreach f,$2,$(INSTALL) $1 $f $(call $3,$f)
)
endef
man_path = $D/share/man/man$(subst .,,$(suffix $1))/$(notdir $1)
# The shells look for a file of the command's name; one file knows all commands, but they come in two packages.
define install_completion
$(INSTALL) 644 completions/cfs.bash $D/share/bash-completion/completions/$1
$(INSTALL) 644 completions/_cfs $D/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)/_$1
$(INSTALL) 644 completions/cfs.fish $D/share/fish/vendor_completions.d/$1.fish

endef
# What stands in the unit and in the sample for a Debian package becomes this installation's.
PLACES := -e 's,/usr/sbin/,$(PREFIX)/sbin/,; s,/etc/cfs/,$(SYSCONFDIR)/cfs/,' \
	-e 's,/var/lib/cfs,$(LOCALSTATEDIR)/lib/cfs,; s,/var/log/cfs,$(LOCALSTATEDIR)/log/cfs,' \
	-e 's,^\#path =$$,path = $(LOCALSTATEDIR)/lib/cfs/store,'
# $(call install_placed,from,to)
install_placed = $(INSTALL) 644 $1 $2 && sed $(PLACES) $1 >$2

# A configuration that is there stays; mount(8) looks for its helpers in one place, whatever PREFIX is.
install: all
	$(INSTALL) 755 $(B)/bin/cfs $D/bin/cfs
	$(INSTALL) 755 $(B)/bin/cfs-mount $D/bin/cfs-mount
	$(INSTALL) 755 $(B)/bin/cfsadm $D/bin/cfsadm
	$(INSTALL) 755 $(B)/bin/cfsd $D/sbin/cfsd
	$(call install_each,644,$(MANUALS),man_path)
	$(foreach program,cfs cfs-mount cfsadm,$(call install_completion,$(program)))
	$(call install_placed,conf/cfsd.service,$D/lib/systemd/system/cfsd.service)
	$(INSTALL) 644 conf/cfsd.socket $D/lib/systemd/system/cfsd.socket
	$(call install_placed,conf/cfs.sysusers,$D/lib/sysusers.d/cfs.conf)
	$(call install_placed,conf/cfs.tmpfiles,$D/lib/tmpfiles.d/cfs.conf)
	test -e $(DESTDIR)$(SYSCONFDIR)/cfs/cfsd.conf || \
		{ $(call install_placed,conf/cfsd.conf,$(DESTDIR)$(SYSCONFDIR)/cfs/cfsd.conf); }
	mkdir -p $(DESTDIR)$(MOUNTHELPERDIR)
	ln -sf $(PREFIX)/bin/cfs-mount $(DESTDIR)$(MOUNTHELPERDIR)/mount.cfs

# Debian packages, in $(B)/deb. A commit that has no tag is a version behind the last one, later commits above earlier ones.
DEB_DATE = $(shell TZ=UTC git log -1 --format=%cd --date=format-local:%Y%m%d%H%M%S 2>/dev/null)
DEB_VERSION = $(firstword $(subst -, ,$(VERSION)))$(if $(findstring -,$(VERSION)),+git$(DEB_DATE).$(lastword $(subst \
	-, ,$(VERSION))))
deb:
	@tests/lib/deps.sh build deb
	+@$(SUBMAKE) all
	@rm -rf $(B)/deb/stage
	+@$(SUBMAKE) install DESTDIR=$(B)/deb/stage PREFIX=/usr SYSCONFDIR=/etc LOCALSTATEDIR=/var MOUNTHELPERDIR=/usr/sbin >/dev/null
	@SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} conf/deb/build $(B)/deb/stage $(DEB_VERSION) $(B)/deb

clean:
	rm -rf build build-san build-tsan build-races build-fuzz build-clang build-noevents
