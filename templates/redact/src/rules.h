/* Which members of a record are encrypted, which masked. */
#ifndef REDACT_RULES_H
#define REDACT_RULES_H

#include <slsc.h>

/*
 * What holds unless REDACT_ENCRYPT and REDACT_MASK say otherwise: names, divided by commas. "ip" is a member of that
 * name wherever it stands; "user.email" is "email" within "user" (arrays between them do not count), or a member that
 * is called "user.email". Letters of ASCII match in either case.
 */
#define RULES_ENCRYPT "user.email,user.name,ip"
#define RULES_MASK "password,secret,token,authorization,cookie"

enum rule { RULE_NONE, RULE_ENCRYPT, RULE_MASK };

/** rules_read - from the environment, else those above. Returns 0, or -1 after slsc_fail(). */
int rules_read(struct slsc_ctx *ctx);

/** rules_encrypt - whether there is anything to encrypt. */
bool rules_encrypt(void);

/** rules_find - for the member at @path: names in lower case, divided by dots. Masking goes before encryption. */
enum rule rules_find(struct slsc_str path);

/** rules_lower - @c, a capital of ASCII made small. */
char rules_lower(char c);

#endif
