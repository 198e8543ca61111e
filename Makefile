# What the README names, spelled out. Cargo knows what is up to date, so most of this is never a file.

CARGO ?= cargo
INSTALL ?= install
CARGO_TARGET_DIR ?= target

prefix ?= /usr/local
bindir ?= $(prefix)/bin
datadir ?= $(prefix)/share
man1dir ?= $(datadir)/man/man1
bashdir ?= $(datadir)/bash-completion/completions
zshdir ?= $(datadir)/zsh/site-functions
fishdir ?= $(datadir)/fish/vendor_completions.d

# What `make install` puts in place. `make install BINARY=target/static/session-init` takes the static one: never by itself,
# because what is installed should not depend on what was built here some day.
BINARY ?= $(CARGO_TARGET_DIR)/release/session-init

# What `make run` shows: one TERM, sent on as QUIT to a whole pipeline.
ARGS ?= -v --rewrite 15:3 -- sh -c 'trap "echo got QUIT; exit 0" QUIT; (sleep 1; kill -TERM $$PPID) & sleep 60 | cat'

# What `make test-containers` uses; without one of them, what needs it is skipped and named.
ENGINES = busybox-static runc crun podman docker.io containerd docker-compose python3-venv \
	runsc systemd-container lxc bubblewrap
PROGRAMS = cron haproxy postgresql python3 redis-server systemd

# What `make test-programs` uses. The large ones are some hundred megabytes, and installed with ALL=1 only.
RECIPES = apache2 busybox-static celery cron curl dumb-init gosu gunicorn haproxy iproute2 keepalived libfcgi-bin \
	monit nginx nodejs openssh-client openssh-server php-fpm postgresql procps python3 python3-rq redis-server sudo \
	supervisor systemd-container tini uvicorn
LARGE = chromium default-jdk-headless npm rabbitmq-server
ALL ?=

# What `make test-dist` uses besides.
CHECKERS = lintian openssh-client pacman-package-manager qemu-user-static rpm rpmlint skopeo

# For which machines `make dist` builds: all of .ci/machines, or those that are named here.
MACHINES ?=
export MACHINES

# `make bench BENCH=--short` takes some seconds and leaves the figures in tests/bench as they are.
BENCH ?=

.PHONY: all run setup test test-suite test-containers test-programs test-dist test-apk torture memcheck fuzz mutants \
	mutants-sys deny check docs bench static dist install uninstall clean help

all: ## build target/release/session-init
	$(CARGO) build --release

run: ## build and run the README's first command, or ARGS='...'
	$(CARGO) run --release -- $(ARGS)

# The suite comes last, so that the last lines are the summary of the tests that start session-init.
test: ## run every test; as root on Debian, first install what they use
	.ci/packages
	$(CARGO) test --lib --examples
	$(CARGO) test --doc
	$(CARGO) test --test docs
	$(CARGO) test --test programs -- documents
	$(CARGO) test --test torture
	$(CARGO) test --test suite

setup: ## install what every test uses, as root on Debian
	.ci/packages
	.ci/packages $(ENGINES) $(PROGRAMS) $(RECIPES) $(CHECKERS)

test-suite: ## run the suite alone, against SESSION_INIT_BIN where that is set
	.ci/packages
	$(CARGO) test --test suite

test-containers: static ## run session-init in container engines, and in the examples
	.ci/packages $(ENGINES) $(PROGRAMS)
	$(CARGO) test --test containers

test-programs: static ## run each recipe with its real program, and its wrong lines; ALL=1 installs the large ones too
	.ci/packages $(RECIPES) $(if $(ALL),$(LARGE))
	$(CARGO) test --test programs

test-dist: dist ## install what dist has built as its users would, run it as PID 1, and remove it again
	.ci/packages $(ENGINES) $(CHECKERS)
	.ci/emulators
	$(CARGO) test --test dist

test-apk: dist ## install, check and remove the .apk of each machine with Alpine's own tool, which is 85 MB
	.ci/packages busybox-static qemu-user-static runc
	.ci/emulators
	.ci/alpine
	$(CARGO) test --test dist -- .apk

# As it ships: SESSION_INIT_BIN says otherwise. STORM=faults runs that one alone, `--table` prints rows for the README.
torture: ## run every storm at full length (half an hour), or STORM='NAME...' alone
	.ci/packages
	$(CARGO) test --release --test torture -- --long $(STORM)

memcheck: ## run the unsafe part under Miri, AddressSanitizer and valgrind (the first two need a nightly toolchain)
	.ci/packages valgrind
	.ci/memcheck

fuzz: ## run every fuzz target 10 million times, or RUNS=...
	tests/fuzz/run

# cargo-mutants ends with 3 where some tests did not end in time, which is a way to notice the change.
SOME_HANG := test $$? -eq 3
mutants: ## change the pure code in every way that cargo-mutants knows, and see whether the tests notice
	$(CARGO) mutants --config .config/mutants.toml -- --lib --test docs || $(SOME_HANG)

# In a PID namespace, since what is changed may signal every process there is; each run of tests below an init, since it
# may leave orphans.
INIT := $(CURDIR)/target/release/session-init
mutants-sys: all ## the same with the system calls and the suite, as root: half an hour on two cores
	STOP_AT_FIRST_FAILURE=1 unshare --fork --pid --mount-proc --kill-child $(INIT) -- \
		$(CARGO) mutants --jobs 2 --config .config/mutants-sys.toml --cargo-arg=--config \
		--cargo-arg='target."cfg(unix)".runner = ["$(INIT)", "--target", "all", "--grace", "0.2", "--"]' \
		-- --lib --test docs --test suite -- --skip compatibility --skip runc --skip supervisor:: || $(SOME_HANG)

deny: ## check which crates are linked, from where, and under which licence
	.ci/deny

check: ## check format, lints, documentation and what is linked
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	$(CARGO) clippy --test containers --test programs --test dist --test torture -- -D warnings
	.ci/deny
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --document-private-items

docs: ## write the man page, the completions, the recipes, the README's options, and the tables of what the suite sees
	$(CARGO) test --quiet --test docs -- write
	$(CARGO) test --quiet --test suite -- write
	$(CARGO) test --quiet --test programs -- write

bench: static ## measure session-init beside Debian's inits, as root
	.ci/packages dumb-init tini catatonit musl-tools
	$(CARGO) bench --bench bench -- $(BENCH)

static: ## build target/static/session-init, which needs no libc
	.ci/static

dist: ## build target/dist: programs, packages and images for every machine, or MACHINES='NAME...'
	.ci/dist $(MACHINES)

# No prerequisites: what is there is taken as it is, so that `sudo make install` after `make` needs no Cargo.
$(CARGO_TARGET_DIR)/release/session-init:
	$(CARGO) build --release

target/static/session-init:
	.ci/static

install: $(BINARY) ## install BINARY, the man page and the completions (DESTDIR, prefix, bindir, ...)
	$(INSTALL) -d '$(DESTDIR)$(bindir)' '$(DESTDIR)$(man1dir)' '$(DESTDIR)$(bashdir)' '$(DESTDIR)$(zshdir)' '$(DESTDIR)$(fishdir)'
	$(INSTALL) -m 755 '$(BINARY)' '$(DESTDIR)$(bindir)/session-init'
	$(INSTALL) -m 644 .docs/session-init.1 '$(DESTDIR)$(man1dir)/session-init.1'
	$(INSTALL) -m 644 .docs/completions/session-init.bash '$(DESTDIR)$(bashdir)/session-init'
	$(INSTALL) -m 644 .docs/completions/_session-init '$(DESTDIR)$(zshdir)/_session-init'
	$(INSTALL) -m 644 .docs/completions/session-init.fish '$(DESTDIR)$(fishdir)/session-init.fish'

uninstall: ## remove what install has put there
	rm -f '$(DESTDIR)$(bindir)/session-init' '$(DESTDIR)$(man1dir)/session-init.1' '$(DESTDIR)$(bashdir)/session-init' \
		'$(DESTDIR)$(zshdir)/_session-init' '$(DESTDIR)$(fishdir)/session-init.fish'

clean: ## remove everything built
	$(CARGO) clean
	rm -rf target/static target/static-build target/dist

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18
