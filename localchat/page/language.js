/**
 * The page's own words in English and Simplified Chinese, and its ways with dates.
 */

const WORDS = {
  en: {
    title: "Street Sentinel · local chat",
    who: "Who are you today?",
    whoHint: "Everything happens on this machine. Pick a person; you can change at any time.",
    people: "Who you are",
    chats: "Chats",
    chooseChat: "Choose a chat to read it here.",
    noChats: "No chats yet.",
    noMessages: "Nothing has been said here yet.",
    notice: "A trial chat on this machine only. Not a messenger.",
    connecting: "connecting…",
    back: "Back to the chats",
    language: "中文",
    languageHint: "切换到中文",
    message: "Message",
    send: "Send",
    attach: "Attach",
    attachPhoto: "Photo",
    attachFile: "File",
    attachLocation: "Location",
    attachVoice: "Voice note",
    samples: "Sample pictures: one tap sends",
    asFile: "As a file (keeps time and place inside)",
    dropHere: "Drop to attach",
    remove: "Remove",
    menu: "Menu",
    commands: "Commands",
    keyboardShow: "Show the buttons",
    keyboardHide: "Hide the buttons",
    start: "Start",
    blocked: "You blocked the bot.",
    block: "Block the bot",
    unblock: "Unblock",
    actions: "Message menu",
    chatActions: "Chat menu",
    reply: "Reply",
    edit: "Edit",
    copy: "Copy text",
    copied: "Copied",
    move: "Move the live place",
    react: "React with {emoji}",
    unreact: "Take {emoji} back",
    editing: "Editing",
    replyingTo: "Reply to {name}",
    cancel: "Cancel",
    ok: "OK",
    close: "Close",
    edited: "edited",
    you: "You",
    today: "Today",
    yesterday: "Yesterday",
    unread: "{n} unread",
    newMessages: "Newest messages",
    typing: "typing…",
    sendingPhoto: "sending a photo…",
    sendingFile: "sending a file…",
    findingPlace: "finding a place…",
    bot: "bot",
    group: "group",
    supergroup: "supergroup",
    channel: "channel",
    photo: "Photo",
    album: "{n} photos",
    file: "File",
    voice: "Voice note",
    video: "Video",
    sticker: "Sticker",
    place: "Place",
    liveplace: "Live place",
    unknown: "A message this page cannot show",
    enlarge: "Enlarge the photo",
    openMap: "Open the map",
    spoiler: "Show hidden text",
    forwarded: "Forwarded from {name}",
    topic: "Topic {name}",
    joined: "{name} joined",
    left: "{name} left",
    groupMade: "{name} made the group",
    upgraded: "The group is a supergroup now",
    pinned: "{name} pinned a message",
    titled: "The group is now “{title}”",
    topicMade: "Topic “{name}” opened",
    topicClosed: "Topic closed",
    pickPlace: "Where is it?",
    pickHint: "Tap the map or choose a named place.",
    findPlace: "Find a named place",
    noPlace: "No named place like that.",
    taken: "Where the sample picture was taken",
    accuracy: "Accuracy",
    exact: "Exact",
    within: "± {n} m",
    sendAs: "Send as",
    asPoint: "Point",
    asVenue: "With name",
    asLive: "Live",
    latitude: "Latitude",
    longitude: "Longitude",
    sendPlace: "Send this place",
    movePlace: "Move here",
    outside: "outside the districts",
    photoAway: "The photo could not be loaded.",
    unreachable: "The local chat does not answer. Nothing is lost; it is trying again.",
    notSent: "Not sent: {reason} What you wrote is still here.",
    refused: "That did not work: {reason}",
    noAnswer: "No answer yet. You can tap again.",
    notHere: "This kind of button does nothing in the local chat.",
    newGroup: "New group with the bot",
    groupName: "Name of the group",
    make: "Create",
    members: "Members",
    add: "Add",
    removeMember: "Remove",
    promote: "Make admin",
    upgrade: "Turn into a supergroup",
    role_rider: "Rider",
    role_reviewer: "Reviewer",
    role_resident: "Resident",
    role_shop: "Shop",
    role_team: "Team",
    picture: "Picture {n} of {total}",
    jumpMissing: "That message is gone.",
  },
  zh: {
    title: "流动哨兵 · 本机聊天",
    who: "你想扮演谁？",
    whoHint: "一切都在这台机器上进行。选一个人，随时可以换。",
    people: "当前身份",
    chats: "聊天",
    chooseChat: "选一个聊天，在这里查看。",
    noChats: "还没有聊天。",
    noMessages: "这里还没有消息。",
    notice: "只在本机试用，不是真正的聊天软件。",
    connecting: "连接中…",
    back: "返回聊天列表",
    language: "EN",
    languageHint: "Switch to English",
    message: "说点什么",
    send: "发送",
    attach: "添加附件",
    attachPhoto: "照片",
    attachFile: "文件",
    attachLocation: "位置",
    attachVoice: "语音",
    samples: "示例照片：点一下就发出",
    asFile: "按文件发（保留照片里的时间和位置）",
    dropHere: "松手即可添加",
    remove: "移除",
    menu: "菜单",
    commands: "命令",
    keyboardShow: "显示按钮",
    keyboardHide: "收起按钮",
    start: "开始",
    blocked: "你已屏蔽机器人。",
    block: "屏蔽机器人",
    unblock: "取消屏蔽",
    actions: "消息菜单",
    chatActions: "聊天菜单",
    reply: "回复",
    edit: "编辑",
    copy: "复制文字",
    copied: "已复制",
    move: "移动实时位置",
    react: "回应 {emoji}",
    unreact: "收回 {emoji}",
    editing: "正在编辑",
    replyingTo: "回复 {name}",
    cancel: "取消",
    ok: "好",
    close: "关闭",
    edited: "已编辑",
    you: "你",
    today: "今天",
    yesterday: "昨天",
    unread: "{n} 条未读",
    newMessages: "最新消息",
    typing: "正在输入…",
    sendingPhoto: "正在发照片…",
    sendingFile: "正在发文件…",
    findingPlace: "正在查位置…",
    bot: "机器人",
    group: "群组",
    supergroup: "超级群组",
    channel: "频道",
    photo: "照片",
    album: "{n} 张照片",
    file: "文件",
    voice: "语音",
    video: "视频",
    sticker: "贴纸",
    place: "位置",
    liveplace: "实时位置",
    unknown: "这类消息在这里显示不了",
    enlarge: "放大照片",
    openMap: "打开地图",
    spoiler: "显示隐藏文字",
    forwarded: "转发自 {name}",
    topic: "话题 {name}",
    joined: "{name} 进群了",
    left: "{name} 离开了",
    groupMade: "{name} 建了这个群",
    upgraded: "群组已升级为超级群组",
    pinned: "{name} 置顶了一条消息",
    titled: "群名改为「{title}」",
    topicMade: "话题「{name}」已建立",
    topicClosed: "话题已关闭",
    pickPlace: "在哪里？",
    pickHint: "点地图，或选一个地名。",
    findPlace: "查找地名",
    noPlace: "没有这样的地名。",
    taken: "示例照片的拍摄地",
    accuracy: "精度",
    exact: "精确",
    within: "± {n} 米",
    sendAs: "发送方式",
    asPoint: "坐标点",
    asVenue: "带地名",
    asLive: "实时位置",
    latitude: "纬度",
    longitude: "经度",
    sendPlace: "发送这个位置",
    movePlace: "移到这里",
    outside: "不在任何片区内",
    photoAway: "照片没能加载。",
    unreachable: "本机聊天暂时没有回应。内容没丢，正在重试。",
    notSent: "没发出去：{reason}你写的内容还在。",
    refused: "没成功：{reason}",
    noAnswer: "还没有回应，可以再点一次。",
    notHere: "这种按钮在本机聊天里不起作用。",
    newGroup: "新建带机器人的群",
    groupName: "群名",
    make: "新建",
    members: "成员",
    add: "加入",
    removeMember: "移出",
    promote: "设为管理员",
    upgrade: "升级为超级群组",
    role_rider: "骑手",
    role_reviewer: "审核员",
    role_resident: "居民",
    role_shop: "商家",
    role_team: "处置队",
    picture: "第 {n} 张，共 {total} 张",
    jumpMissing: "那条消息不在了。",
  },
};

let language = "en";

/** @returns {"en"|"zh"} the language the page speaks now */
export const current = () => language;

/**
 * Turn a language code, e.g. of a person or of the browser, into one the page speaks.
 *
 * @param {string|undefined} code - an IETF tag such as `zh-hans`
 * @returns {"en"|"zh"}
 */
export const spoken = (code) =>
  String(code ?? "")
    .toLowerCase()
    .startsWith("zh")
    ? "zh"
    : "en";

/** Speak another language from now on; what is on the page must be drawn again. */
export function speak(code) {
  language = spoken(code);
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
}

/**
 * A sentence of the page.
 *
 * @param {string} key - its name in WORDS
 * @param {Object<string, string|number>} [values] - what stands in its {gaps}
 * @returns {string}
 */
export function t(key, values = {}) {
  return WORDS[language][key].replace(/\{(\w+)\}/g, (gap, name) => String(values[name] ?? gap));
}

/** The fitting half of a text given in both languages. */
export function pick(both) {
  if (!both) return "";
  if (typeof both === "string") return both;
  return both[language] ?? both.en ?? both.zh ?? "";
}

/** The name of a role; an unknown role names itself. */
export const roleName = (role) => WORDS[language][`role_${role}`] ?? role;

const locale = () => (language === "zh" ? "zh-CN" : "en-GB");

/** Time of day of a moment in Unix seconds, e.g. 14:05. */
export function clockTime(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString(locale(), {
    hour: "2-digit",
    minute: "2-digit",
  });
}

/** Two moments of one calendar day share this key. */
export const dayKey = (seconds) => new Date(seconds * 1000).toDateString();

/** The name of a day in Unix seconds: Today, Yesterday, 24 November. */
export function dayName(seconds) {
  const now = Date.now() / 1000;
  if (dayKey(seconds) === dayKey(now)) return t("today");
  if (dayKey(seconds) === dayKey(now - 86_400)) return t("yesterday");
  const day = new Date(seconds * 1000);
  const year = day.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return day.toLocaleDateString(locale(), { day: "numeric", month: "long", year });
}

/** For the list of chats: the time if today, else a short date. */
export function listTime(seconds) {
  if (dayKey(seconds) === dayKey(Date.now() / 1000)) return clockTime(seconds);
  return new Date(seconds * 1000).toLocaleDateString(locale(), { day: "numeric", month: "short" });
}

/** A whole moment, for tooltips. */
export function fullTime(seconds) {
  return new Date(seconds * 1000).toLocaleString(locale(), {
    dateStyle: "medium",
    timeStyle: "medium",
  });
}

/** Bytes in words: 340 kB. */
export function fileSize(bytes) {
  if (!bytes) return "";
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
