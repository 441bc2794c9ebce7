// SPDX-License-Identifier: GPL-2.0-only
// Adds a search for a part of a test's name; without it the page is whole.
const search = document.getElementById("search");
search.hidden = false;
search.addEventListener("input", () => {
	const wanted = search.value.toLowerCase();
	for (const body of document.querySelectorAll(".matrix tbody")) {
		const program = body.querySelector(".program").textContent.toLowerCase();
		for (const row of body.querySelectorAll(".case")) {
			const name = program + ":" + row.querySelector("th").textContent.toLowerCase();
			row.classList.toggle("not-found", !name.includes(wanted));
		}
	}
});
// A link from the table opens what it leads to.
const open = () => {
	const aim = location.hash && document.getElementById(location.hash.slice(1));
	if (aim) aim.open = true;
};
addEventListener("hashchange", open);
open();
