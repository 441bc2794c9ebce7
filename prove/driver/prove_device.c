// SPDX-License-Identifier: GPL-2.0-only
/*
 * secmmu_prove: breaks the running kernel on purpose, to prove that the
 * suite's tests can fail.
 *
 * /dev/secmmu_prove is for root. Each write() brings rules, one on a line; each
 * read() to the end of the file tells what became of them. The rules belong to
 * the open file: when its last descriptor is closed, be it because the process
 * was killed, they are gone. So nothing can be left behind, and rmmod is
 * refused while a rule is alive.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/ktime.h>
#include <linux/uaccess.h>
#include "caller.h"
#include "prove_rule.h"

/* One rule's report: names and numbers, with room. */
#define PROVE_REPORT_LINE 640
#define PROVE_REPORT_MAX  ((PROVE_RULES_MAX + 2) * PROVE_REPORT_LINE)

static atomic_t open_files;

static bool break_this_kernel;
module_param(break_this_kernel, bool, 0400);
MODULE_PARM_DESC(
	break_this_kernel,
	"must be 1: says that this machine may be damaged, because it is thrown away afterwards");

/**
 * struct prove_session - an open file
 * @lock: protects everything else
 * @rules: the armed rules
 * @count: how many
 * @reason: why the last write was refused; empty if it was not
 * @report: what is being read
 * @report_length: its length; 0: the next read makes a new one
 * @report_read: how much of it was read
 */
struct prove_session {
	struct mutex lock;
	struct list_head rules;
	unsigned int count;
	char reason[PROVE_REASON_MAX];
	char *report;
	size_t report_length, report_read;
};

static int prove_open(struct inode *inode, struct file *file)
{
	struct prove_session *session;
	int error = caller_may_open(&open_files, PROVE_FILES_MAX);

	if (error)
		return error;
	session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);
	if (!session)
		goto closed;
	session->report = kvmalloc(PROVE_REPORT_MAX, GFP_KERNEL_ACCOUNT);
	if (!session->report) {
		kfree(session);
		goto closed;
	}
	mutex_init(&session->lock);
	INIT_LIST_HEAD(&session->rules);
	file->private_data = session;
	return stream_open(inode, file);

closed:
	caller_closed(&open_files);
	return -ENOMEM;
}

static void remove_rules(struct prove_session *session)
{
	struct prove_rule *rule, *next;

	list_for_each_entry_safe(rule, next, &session->rules, link) {
		prove_rule_disarm(rule);
		list_del(&rule->link);
		prove_rule_free(rule);
	}
	session->count = 0;
}

static int prove_release(struct inode *inode, struct file *file)
{
	struct prove_session *session = file->private_data;

	remove_rules(session);
	kvfree(session->report);
	kfree(session);
	caller_closed(&open_files);
	return 0;
}

static int add_rule(struct prove_session *session, char *line)
{
	struct prove_rule *rule;
	int error;

	line = strim(line);
	if (!*line || *line == '#')
		return 0;
	if (!strcmp(line, "clear")) {
		remove_rules(session);
		return 0;
	}
	if (session->count >= PROVE_RULES_MAX) {
		scnprintf(session->reason, sizeof(session->reason),
			  "%u rules are armed already; write \"clear\" first",
			  session->count);
		return -ENOSPC;
	}
	rule = prove_rule_parse(line, session->reason);
	if (IS_ERR(rule))
		return PTR_ERR(rule);
	error = prove_rule_arm(rule, session->reason);
	if (error) {
		prove_rule_free(rule);
		return error;
	}
	list_add_tail(&rule->link, &session->rules);
	session->count++;
	return 0;
}

static ssize_t prove_write(struct file *file, const char __user *buffer,
			   size_t length, loff_t *position)
{
	struct prove_session *session = file->private_data;
	char *text, *rest, *line;
	int error = caller_may_use();

	if (error)
		return error;
	if (length > (size_t)PROVE_LINE_MAX * PROVE_RULES_MAX)
		return -E2BIG;
	text = memdup_user_nul(buffer, length);
	if (IS_ERR(text))
		return PTR_ERR(text);
	if (strlen(text) != length) {
		kfree(text);
		return -EINVAL;
	}

	if (mutex_lock_interruptible(&session->lock)) {
		kfree(text);
		return -ERESTARTSYS;
	}
	session->reason[0] = '\0';
	session->report_length = 0;
	rest = text;
	while (!error && (line = strsep(&rest, "\n")) != NULL) {
		if (strlen(line) >= PROVE_LINE_MAX) {
			scnprintf(session->reason, sizeof(session->reason),
				  "a rule is at most %d characters long",
				  PROVE_LINE_MAX - 1);
			error = -E2BIG;
		} else {
			error = add_rule(session, line);
		}
	}
	if (error)
		pr_notice("secmmu_prove: refused: %s\n", session->reason);
	mutex_unlock(&session->lock);
	kfree(text);
	return error ? error : length;
}

/* Lines of words key=value, as a shell can take them apart. */
static size_t make_report(struct prove_session *session)
{
	struct prove_rule *rule;
	unsigned int number = 0;
	size_t length = 0;

	length += scnprintf(session->report, PROVE_REPORT_MAX,
			    "now_ns=%llu rules=%u\n", ktime_get_mono_fast_ns(),
			    session->count);
	if (session->reason[0])
		length += scnprintf(session->report + length,
				    PROVE_REPORT_MAX - length, "refused: %s\n",
				    session->reason);
	list_for_each_entry(rule, &session->rules, link)
		length += scnprintf(
			session->report + length, PROVE_REPORT_MAX - length,
			"rule=%u function=%s action=%s owner=%d hits=%lld matched=%lld applied=%lld missed=%lu first_applied_ns=%llu at=%pS\n",
			++number, rule->function,
			prove_action_name(rule->action),
			rule->owner ? rule->owner_number : 0,
			(long long)atomic64_read(&rule->hits),
			(long long)atomic64_read(&rule->matched),
			(long long)atomic64_read(&rule->applied),
			prove_rule_missed(rule),
			READ_ONCE(rule->first_applied_ns),
			prove_rule_address(rule));
	return length;
}

static ssize_t prove_read(struct file *file, char __user *buffer, size_t length,
			  loff_t *position)
{
	struct prove_session *session = file->private_data;
	ssize_t done = caller_may_use();

	if (done)
		return done;
	if (mutex_lock_interruptible(&session->lock))
		return -ERESTARTSYS;
	if (!session->report_length) {
		session->report_length = make_report(session);
		session->report_read = 0;
	}
	done = min(length, session->report_length - session->report_read);
	if (copy_to_user(buffer, session->report + session->report_read, done))
		done = -EFAULT;
	else if (done)
		session->report_read += done;
	else if (length)
		session->report_length = 0; /* the end was seen: start anew */
	mutex_unlock(&session->lock);
	return done;
}

static const struct file_operations prove_operations = {
	.owner = THIS_MODULE,
	.open = prove_open,
	.release = prove_release,
	.read = prove_read,
	.write = prove_write,
};

static struct miscdevice prove_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "secmmu_prove",
	.fops = &prove_operations,
	.mode = 0600,
};

static int __init prove_init(void)
{
	if (!break_this_kernel) {
		pr_err("secmmu_prove: not loaded: it breaks the running kernel on purpose. In a machine that is thrown away afterwards, load it with break_this_kernel=1\n");
		return -EPERM;
	}
	return misc_register(&prove_device);
}

static void __exit prove_exit(void)
{
	misc_deregister(&prove_device);
}

module_init(prove_init);
module_exit(prove_exit);

MODULE_DESCRIPTION("secmmu: break kernel functions to prove that tests notice");
MODULE_LICENSE("GPL");
