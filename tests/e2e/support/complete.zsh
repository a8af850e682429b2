# SPDX-License-Identifier: Apache-2.0
# zsh -f complete.zsh DIR LINE: what zsh offers at the end of LINE, one a line, sorted. DIR holds _slsc.
# A zsh in a pseudo-terminal completes; its compadd writes down what it is given and what of that matches.
zmodload zsh/zpty
hits=$HOME/hits
rm -f $hits
zpty z zsh -f -i
zpty -w z "PS1= fpath=($1 \$fpath); autoload -Uz compinit && compinit -u -d \$HOME/zcompdump
compadd() {
	local -a found
	if [[ \$@ != *-[OAD]* ]]; then
		builtin compadd -O found \"\$@\"
		(( \$#found )) && print -rl -- \${^IPREFIX}\${^found} >>$hits
	fi
	builtin compadd \"\$@\"
}
done-now() { print -n >>$hits.done }
zle -N done-now
bindkey '^I' complete-word '^X' done-now
print READY"
zpty -r z line '*READY*READY*'
rm -f $hits.done
zpty -w -n z "$2"$'\t\x18'
for ((i = 0; i < 100; i++)); do
	[[ -e $hits.done ]] && break
	sleep 0.1
done
zpty -d z
[[ ! -e $hits ]] || sort -u $hits
